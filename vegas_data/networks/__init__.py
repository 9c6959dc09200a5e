"""Network definitions and their exact preprocessing, for the scorers of *verify* and the encoders of *features*.

A module here turns arrays into arrays. It holds no thresholds, no decisions and no artefacts; which file holds
the weights, and whether it is the pinned one, is the business of ``vegas_data.weights``. Import the module you
need (``from vegas_data.networks import vgg``): each one loads torch or onnxruntime, this package neither.

    yamnet             sound, 0.96 s patches → 521 AudioSet classes       Plakal & Ellis 2020
    efficientnet_lite  picture or flow stack → 1280 numbers, 1000 classes  Tan & Le 2019
    vgg                picture, flow stack → fc6, 4096 numbers; conv5 map  Simonyan & Zisserman 2014, 2015
    state              a weight file into a module, every key accounted for
    drawn              weights drawn at random into a module, when somebody asks for that
    conversion         a weight file of another tool into safetensors; ``caffe``, ``protobuf`` and ``safetensors_file``
                       read and write the bytes

Networks that ``transformers`` defines, for those who use them: CLIP, SigLIP 2, CLAP, AST.

    snapshot           where one lies on this machine, and its digest
    pretrained         a snapshot into a network, a tokenizer, a table of settings
    pictures           pictures as it wants them
"""
